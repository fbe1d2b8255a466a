"""Looking at volumes: server, links, pictures."""
