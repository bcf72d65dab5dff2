"""
What a mail is made of: values, addresses, headers, bytes.

Nothing here knows of sending. Each module is imported by its name.
"""
