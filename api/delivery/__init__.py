"""What is told to people: notices, and how they are delivered."""
