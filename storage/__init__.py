"""Bytes and durable records: object stores, unit objects, images. Knows no job."""
