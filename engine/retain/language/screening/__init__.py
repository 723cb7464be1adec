"""Many conditions asked at once: a value that many of them compare is looked up once for all."""
