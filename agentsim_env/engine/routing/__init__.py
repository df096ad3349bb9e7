"""The session-aware router (`route_turn`), and work stealing."""
