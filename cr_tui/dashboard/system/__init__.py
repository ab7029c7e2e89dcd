"""The system screen: devices, memory and who uses them."""
