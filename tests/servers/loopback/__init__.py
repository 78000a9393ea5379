"""A web on loopback: hosts as tests plan them, with a judge of what was asked of them and when."""
