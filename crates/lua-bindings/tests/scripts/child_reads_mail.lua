return {
    main = function(parent, count)
        local inbox = process.inbox()
        for _ = 1, count do
            local message = inbox:receive()
            local payload = message:payload()
            if type(payload) == "userdata" then payload = payload:data() end
            process.send(parent, "mail", { topic = message:topic(), from = message:from(), payload = payload })
        end
    end,
}
