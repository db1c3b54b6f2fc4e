--@modules time
--@import other=child_other_library
-- A library that counts how often it is evaluated.
evaluated = (evaluated or 0) + 1
shared_global = "set by library"
local library = { time = time, logger = logger, other = other, require_other = require("other"), table = table }
function library.floor() return math.floor(1.5) end
function library.replace() math = { floor = function() return "library's" end } end
function library.required(name) return pcall(require, name) end
function library.global(name) return _G[name] end
function library.set(name, value) _G[name] = value end
function library.sees() return main_global end
function library.io() return io end
return library
