"""People of the plant's directory (LDAP, Active Directory): sign-in, groups, roles. Open `model.py` first."""
