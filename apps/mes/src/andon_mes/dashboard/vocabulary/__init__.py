"""Every word of the pages, in English and Korean, by what the pages are about."""
