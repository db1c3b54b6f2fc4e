evaluated_other = (evaluated_other or 0) + 1
return { name = "other" }
