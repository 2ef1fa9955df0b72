"""Windows, by pywin32."""
