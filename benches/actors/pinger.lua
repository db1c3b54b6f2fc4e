local function main(echo, parent)
    local inbox, pongs = process.inbox(), process.listen("pong")
    process.send(parent, "ready")
    local go = inbox:receive():payload()
    local value = go.value
    for _ = 1, go.count do
        process.send(echo, "ping", value)
        value = pongs:receive()
    end
    process.send(parent, "done")
end

return { main = main }
