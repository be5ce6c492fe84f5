"""`python -m attestations.page`: shapes from the dataclasses, then `verify.html` from the sources."""

from attestations.page import assemble, document, shapes

if __name__ == "__main__":
    shapes.FILE.write_text(shapes.make(), encoding="utf-8")
    document.FILE.write_text(assemble.assemble(), encoding="utf-8")
