"""The gateway, where programs are admitted and turns become ready, and the tools."""
