"""What is asked of servers, and the answers with the time at which each piece came."""
