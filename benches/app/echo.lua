local function main()
    local calls = process.listen("call", { message = true })
    while true do
        local call = calls:receive()
        process.send(call:from(), "reply", call:payload())
    end
end

return { main = main }
