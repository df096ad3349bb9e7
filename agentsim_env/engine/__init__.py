"""The compiled core: one file a component, each with its functions over `State`."""
