"""What a trading day needs of this machine and of the services around it, looked at one by one."""
