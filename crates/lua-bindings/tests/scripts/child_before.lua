local time = require("time")
local funcs = require("funcs")

return {
    main = function(parent, how)
        local function say(...) process.send(parent, "said", table.concat({ ... }, " ")) end
        local before = process.pid()
        process.set_options({ trap_links = true })
        local inbox, listened = process.inbox(), process.listen("listened")
        local ticker, later = time.ticker("1ms"), time.after("1ms")
        coroutine.spawn(function() time.sleep("1h") end)
        if how ~= "quiet" then
            local message = inbox:receive()
            if message.topic == "watch" then
                process.monitor(message.payload)
                say("ready", process.id())
            else
                process.upgrade(message.payload, parent, before)
            end
        end
        while true do
            local message = inbox:receive()
            if message.topic == "upgrade" then
                -- from another coroutine, inside pcall
                coroutine.spawn(function() pcall(process.upgrade, message.payload, parent, before) end)
                say("not reached")
            elseif message.topic == "busy" then
                coroutine.spawn(function() process.call("app:child_sleeps_briefly", "app:processes") end)
                funcs.async("app:child_sleeps_briefly")
                process.spawn("app:child_reads_mail", "app:processes", parent, 1)
                process.upgrade(message.payload, parent, before)
            elseif message.topic == "mistakes" then
                say(tostring(pcall(process.upgrade, {})))
                local _, err = process.upgrade("app:child_after", print)
                say(err:kind(), tostring(err))
                local proxy = setmetatable({}, { __index = function() return process.upgrade() end })
                say(tostring(pcall(function() return proxy.x end)))
                say(process.id())
            end
        end
    end,
}
