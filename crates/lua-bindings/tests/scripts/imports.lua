--= true	true	true	1	1
--= true	true	other	nil	nil	true
--= set by library	set by library
--= 1	1
--= 2
--= nil	true	nil	true	nil	nil
--= false	module 'time' not found
--= false	module 'io' not found
--= false	module 'nothing' not found
--= false	module './child_library' not found
--= false	module 'logger' not found
--= false	module 'lib' not found
--= true
--= false	false
--= 2	1
--= library's	library's	library's
--= library's
--= nil	library fails
--= 1 set by library nil 1
--@modules logger
--@import lib=child_library
--@import same=child_library
--@import other=child_other_library
--@import empty=child_empty_library
local function advised(ok, text) return ok, (string.match(text, "^module '.-' not found")) end
local function floor() return math.floor(2.5) end
print(lib == same, lib == require("lib"), lib == require("same"), evaluated, evaluated_other)
print(other == lib.other, other == lib.require_other, other.name, empty, require("empty"), empty_was_here)
print(shared_global, lib.global("shared_global"))
main_global = 1
print(lib.sees(), lib.global("main_global"))
lib.set("from_library", 2)
print(from_library)
-- only what is declared
print(time, logger ~= nil, io, lib.time ~= nil, lib.logger, lib.io())
print(advised(pcall(require, "time")))
print(advised(pcall(require, "io")))
print(advised(pcall(require, "nothing")))
print(advised(pcall(require, "./child_library")))
print(advised(lib.required("logger")))
print(advised(lib.required("lib")))
print(select(2, lib.required("other")) == other)
for _, name in { "process", "channel", "errors", "coroutine", "string", "table", "math", "os" } do
    assert(type(require(name)) == "table", name)
end
print((pcall(require)), (pcall(require, {})))
-- assigned names
print(floor(), lib.floor())
lib.replace()
print(floor(), lib.floor(), math.floor(1.5))
require("process").spawn_monitored("app:child_acts", "app:processes", "value", math.floor())
print(process.events():receive().result)
print(process.spawn("app:child_imports_failing", "app:processes"))
local pid = process.spawn_monitored("app:child_uses_library", "app:processes")
print(process.events():receive().result)
