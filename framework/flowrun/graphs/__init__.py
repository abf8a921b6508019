"""`flowrun graph`: a recipe's flow as data, and that written as Mermaid, DOT and SVG."""
