"""`flowrun graph`: the flow of a recipe, drawn as SVG, as a mermaid diagram or as DOT."""
