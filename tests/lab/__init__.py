"""The lab of the sample host. It needs both parties, through `app.py`."""
