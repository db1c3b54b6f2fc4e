local function main(count, host)
    local echo = process.spawn("bench:echo", host)
    local replies = process.listen("reply")
    local start = time.now()
    for i = 1, tonumber(count) do
        process.send(echo, "call", i)
        replies:receive()
    end
    local seconds = time.now():sub(start):seconds()
    process.terminate(echo)
    return tostring(seconds)
end

return { main = main }
