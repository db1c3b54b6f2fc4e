local function main(next, first)
    local inbox = process.inbox()
    while true do
        local message = inbox:receive()
        local left = message:payload()
        if message:topic() == "next" then
            next = left
        elseif left == 0 then
            process.send(first, "done")
        else
            process.send(next, "hop", left - 1)
        end
    end
end

return { main = main }
