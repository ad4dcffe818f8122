"""What transports share, whatever HTTP library they are for: reading requests and responses, and what is charged. Nothing here does I/O."""
