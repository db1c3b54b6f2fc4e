local ctx = require("ctx")

return {
    main = function(parent, before, again)
        local function say(...) process.send(parent, "said", table.concat({ ... }, " ")) end
        say(process.id(), tostring(process.pid() == before))
        if ctx.get("user") and not again then
            say(ctx.get("user"), tostring(process.get_options().trap_links))
            local inbox = process.inbox()
            for _ = 1, 3 do
                local message = inbox:receive()
                say(message.topic, tostring(message.payload))
            end
            local events = process.events()
            local cancel, exit = events:receive(), events:receive()
            say(cancel.kind, exit.kind)
            say(tostring(cancel.deadline ~= nil))
            say("listening")
        end
        while true do
            local message = process.inbox():receive()
            if message.topic == "end" then return "ended" end
            if message.topic == "fail" then error("as asked") end
            if message.topic == "upgrade" then process.upgrade(message.payload, parent, before, true) end
        end
    end,
}
