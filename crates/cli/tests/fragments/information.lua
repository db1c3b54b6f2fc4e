--= true	string	string
local process = require("process")

local frame_id = process.id()
local pid = process.pid()
print(frame_id == "app:information", type(frame_id), type(pid))
