"""The soak of the station log: writers and both servers are killed; every write that returned is in both."""
