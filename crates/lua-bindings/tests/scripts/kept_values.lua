--= message	true
--= timer	true
-- What an object gives to whoever asks goes with the object, also when it leads back to it.
local time = require("time")
local watched = setmetatable({}, { __mode = "v" })
local function is_gone(make)
    watched[1] = make()
    for _ = 1, 400 do
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
