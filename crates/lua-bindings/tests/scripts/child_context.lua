local ctx = require("ctx")
local funcs = require("funcs")

-- Tells the parent its context, after going through the ways that are named.
local function go(parent, way, ...)
    local host = "app:processes"
    if way == "spawn" then
        process.spawn("app:child_context", host, parent, ...)
    elseif way == "call" then
        assert(process.call("app:child_context", host, parent, ...))
    elseif way == "function" then
        assert(funcs.call("app:child_func_context", parent, ...))
    elseif way == "async" then
        assert(funcs.async("app:child_func_context", parent, ...):channel():receive():data())
    else
        process.send(parent, "context", ctx.all())
    end
    return true
end

return { main = go }
