"""What a file's bytes show: formats, pixels, drawing over them. Knows neither torch nor Django nor any other part."""
