--= nil	NotFound: key not found: user
--= nil	Invalid: key cannot be empty
--= false	bad argument #1 to 'get' (string expected, got no value)
--= false	bad argument #1 to 'get' (string expected, got table)
--= []
--= userdata	process.SpawnBuilder
--= level=1 user=ada
--= level=2 user=ada
--= level=1 user=ada
--= level=2 user=ada
--= from=executor
--= 
--= 1	1
--= false	bad argument #1 to 'with_context' (table expected, got number)
--= false	bad argument #1 to 'with_context' (table expected, got string)
--= false	bad argument #1 to 'with_context' (keys must be strings)
--= false	bad argument #1 to 'with_context' (keys must be strings)
--= false	cannot send a function
--= true	process.SpawnBuilder
--= false	bad argument #1 to 'with_context' (table expected, got no value)
--= false	bad argument #1 to 'with_context' (table expected, got no value)
--= false	bad argument #1 to 'with_context' (process.SpawnBuilder expected, got table)
--= false	bad argument #1 to 'with_context' (table expected, got number)
--= false	bad argument #1 to 'with_actor' (security.Actor expected, got nil)
--= false	bad argument #1 to 'with_scope' (security.Scope expected, got string)
--= nil	false	context.lua:78: attempt to index userdata with 'x'
local ctx = require("ctx")
local funcs = require("funcs")

local host = "app:processes"
local function keys(values)
    local list = {}
    for key, value in values do table.insert(list, key .. "=" .. tostring(value)) end
    table.sort(list)
    return table.concat(list, " ")
end
local function show(value, err) print(value, err and err:kind() .. ": " .. err:message()) end

show(ctx.get("user"))
show(ctx.get(""))
print(pcall(ctx.get))
print(pcall(ctx.get, {}))
print("[" .. keys(ctx.all()) .. "]")

local outer = process.with_context({ user = "ada", level = 1 })
print(type(outer), tostring(outer))
local inner = outer:with_context({ level = 2, gone = nil })
local function ask(builder, ...)
    local pid = assert(builder:spawn("app:child_context", host, process.pid(), ...))
    local reply = process.listen("context"):receive()
    return keys(reply)
end
print(ask(outer))
print(ask(inner))
print(ask(outer))
-- through spawn, call and functions, any number of levels
print(ask(inner, "spawn", "call", "function", "async", "spawn"))
print(keys(funcs.new():with_context({ from = "executor" }):call("app:child_func_acts", "context")))
print(keys(funcs.call("app:child_func_acts", "context")))
-- copied when set
local shared = { 1 }
local with_table = process.with_context({ list = shared, same = shared })
shared[1] = 2
with_table:spawn("app:child_context", host, process.pid())
local reply = process.listen("context"):receive()
print(reply.list[1], reply.same[1])

for _, bad in { 1, "x", { 1 }, { [true] = 1 }, { f = print }, { deep = setmetatable({}, {}) } } do
    local ok, err = pcall(process.with_context, bad)
    print(ok, if ok then tostring(err) else err)
end
print(pcall(process.with_context))
print(pcall(outer.with_context, outer))
print(pcall(outer.with_context, {}, {}))
print(pcall(funcs.new().with_context, funcs.new(), 1))
print(pcall(outer.with_actor, outer, nil))
print(pcall(outer.with_scope, outer, "scope"))
print(outer.x, pcall(function() outer.x = 1 end))
