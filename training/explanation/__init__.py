"""How well heat maps show what a model looks at, measured against lesion masks."""
