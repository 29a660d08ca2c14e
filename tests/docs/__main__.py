"""`python -m tests.docs`: makes the pages anew that are made from the code."""

from tests.docs.pages import made_pages

for path, text in made_pages().items():
    path.write_text(text, encoding="utf-8", newline="\n")
