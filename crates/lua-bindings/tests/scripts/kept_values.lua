--= message	true
--= timer	true
--= payload	true
-- What an object gives to whoever asks goes with the object, also when it leads back to it.
local time = require("time")
local watched = setmetatable({}, { __mode = "v" })
-- Leaves nothing behind in the registers that others have used.
local function wipe(...) return select("#", ...) end
local function is_gone(make)
    watched[1] = make()
    for _ = 1, 400 do
        wipe(nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil)
        if not watched[1] then return true end
        for _ = 1, 10000 do local _ = { 1 } end
    end
    return false
end
print("message", is_gone(function()
    process.send(process.pid(), "m", {})
    local m = process.inbox():receive()
    m.payload.back = m
    assert(m.payload == m:payload() and m.payload.back == m)
    return m
end))
print("timer", is_gone(function()
    local timer = time.timer("1h")
    assert(timer:channel() == timer:response() and timer:stop())
    return timer
end))
print("payload", is_gone(function()
    local t = {}
    t.payload = payload.new(t)
    t.run = function() return t.payload:data() end
    assert(t.run() == t)
    return t.payload
end))
