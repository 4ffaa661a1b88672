"""Every command's name, arguments and help, a group a file; what one does is in `actions/`, loaded when it is called.

So `labwright --help` imports neither the ledger nor pydantic, let alone a training library.
"""
