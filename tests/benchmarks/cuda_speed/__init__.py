"""Speed on a GPU: what the machine code says of it without one, and what is measured on one."""
