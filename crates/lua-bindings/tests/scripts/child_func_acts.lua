-- Does what its first argument says.
local time = require("time")
local ctx = require("ctx")
local acts = {}

function acts.add(a, b) return a + b end
function acts.nothing() end
function acts.falsy() return false end
function acts.fails() return nil, "went wrong" end
function acts.fails_structured()
    return nil, errors.new({ message = "busy", kind = errors.CONFLICT, retryable = true, details = { code = 7 } })
end
function acts.raises() error("boom") end
function acts.identity() return { id = process.id(), pid = process.pid() } end
function acts.context() return ctx.all() end
function acts.global()
    seen = (seen or 0) + 1
    return seen
end
function acts.mail(parent)
    process.send(parent, "ready", process.pid())
    return process.listen("go"):receive()
end
function acts.sleeps(parent)
    process.send(parent, "ready", process.pid())
    time.sleep("1h")
    return "slept"
end
function acts.computes(parent, last)
    process.send(parent, "ready", process.pid())
    local sum = 0
    for i = 1, last do sum = sum + i % 7 end
    process.send(parent, "computed", sum)
    time.sleep("1h")
end
function acts.upgrade() return pcall(process.upgrade, nil) end
function acts.nested(depth)
    if depth == 0 then return "bottom" end
    return require("funcs").call("app:child_func_acts", "nested", depth - 1)
end

return { main = function(act, ...) return acts[act](...) end }
