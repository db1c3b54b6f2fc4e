return { main = ("").upper }
