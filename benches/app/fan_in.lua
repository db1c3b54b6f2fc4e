local SENDERS = 100

local function main(count, host)
    local each = math.ceil(tonumber(count) / SENDERS)
    local numbers = process.listen("number")
    local start = time.now()
    for _ = 1, SENDERS do
        process.spawn("bench:sender", host, process.pid(), each)
    end
    for _ = 1, SENDERS * each do
        numbers:receive()
    end
    return tostring(time.now():sub(start):seconds())
end

return { main = main }
