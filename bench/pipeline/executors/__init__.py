"""Where jobs run; each executor takes the same job descriptions and gives the same bytes."""
