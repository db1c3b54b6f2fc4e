-- Does what its first argument names.
local time = require("time")
local acts = {}

function acts.value(...) return ... end
function acts.nothing() end
function acts.fails_text() return 1, "went wrong" end
function acts.fails_object()
    return nil, errors.new({ message = "gone", kind = errors.CONFLICT, retryable = true, details = { at = 3 } })
end
function acts.other_second() return "kept", { not_an = "error" } end
function acts.raises_text() error("raised", 0) end
function acts.raises_place() error("with place") end
function acts.raises_object() error(errors.new({ message = "object", kind = errors.TIMEOUT })) end
function acts.raises_message() error({ message = "from table" }) end
function acts.raises_table() error({}) end
function acts.raises_fields() error({ code = 7, kind = "Broken" }) end
function acts.raises_what_speaks() error(setmetatable({ code = 7 }, { __tostring = function(e) return "code " .. e.code end })) end
function acts.raises_what_fails() error(setmetatable({}, { __tostring = function() error("no words", 0) end })) end
function acts.raises_what_never_ends() error(setmetatable({}, { __tostring = function() while true do end end })) end
function acts.raises_much() error({ string.rep("x", 5000) }) end
function acts.raises_nil() error(nil) end
function acts.raises_boolean() error(true) end
function acts.returns_function() return function() end end
function acts.returns_channel() return channel.new() end
function acts.spawned_fails()
    coroutine.spawn(function()
        process.events()
        time.sleep("1ms")
        error("in a coroutine", 0)
    end)
    channel.new():receive()
end
function acts.sleeps() time.sleep("10m") end
function acts.waits() process.inbox():receive() end
function acts.spins() while true do end end
function acts.spins_in_pcall()
    while true do
        pcall(function() while true do end end)
    end
end
function acts.spins_in_xpcall()
    xpcall(function() while true do end end, function() while true do end end)
    while true do xpcall(error, function() while true do end end) end
end
function acts.spins_in_coroutines()
    while true do
        local go = coroutine.wrap(function() while true do coroutine.yield() end end)
        for _ = 1, 100 do go() end
    end
end
function acts.spins_in_index()
    local t = setmetatable({}, { __index = function() while true do end end })
    pcall(function() return t.x end)
    while true do pcall(function() return t.x end) end
end
function acts.spins_in_sort()
    table.sort({ 1, 2, 3 }, function() while true do end end)
end
function acts.spins_in_sort_pcall()
    while true do
        pcall(table.sort, { 1, 2, 3 }, function()
            while true do pcall(function() while true do end end) end
        end)
    end
end
function acts.spins_in_gsub()
    string.gsub("abc", ".", function() while true do end end)
end
function acts.spins_in_concat()
    local t = setmetatable({}, { __concat = function() while true do end end })
    return t .. "x"
end
function acts.spins_in_tostring()
    print(setmetatable({}, { __tostring = function() while true do end end }))
end
function acts.echo()
    local inbox = process.inbox()
    while true do
        local msg = inbox:receive()
        if msg.topic == "stop" then return "stopped" end
        process.send(msg:from(), msg:topic(), msg:payload())
    end
end
function acts.reports_events(to, limit)
    process.set_options({ trap_links = true })
    process.send(to, "ready")
    for _ = 1, limit do
        local event = process.events():receive()
        process.send(to, "event", event.kind, event.result and tostring(event.result), event.deadline)
    end
    return "seen"
end
function acts.links(pid)
    process.link(pid)
    process.inbox():receive()
end
function acts.sends_then_ends(to, count)
    for i = 1, count do process.send(to, "n", i) end
end
function acts.sets_globals(to)
    leaked = "yes"
    math = { floor = function() return "mine" end }
    _G.string = nil
    rawset(_G, "table", "replaced")
    process.send(to, "set", math.floor(1.5), leaked, string == nil, table)
    process.inbox():receive()
end
function acts.random(seed)
    if seed then math.randomseed(seed) end
    return { math.random(), math.random(10), math.random(5, 6) }
end
function acts.id() return process.id() end
function acts.pid() return process.pid() end
function acts.terminates_self() pcall(process.terminate, process.pid()) return "survived" end
function acts.upvalue() return tostring(time) end

return {
    main = function(what, ...) return acts[what](...) end,
}
