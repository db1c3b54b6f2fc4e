local function main(parent, number, size)
    if size == 1 then
        process.send(parent, "sum", number)
        return
    end
    local me, part = process.pid(), size / 10
    for child = 0, 9 do
        process.spawn("actors:node", "actors:processes", me, number + child * part, part)
    end
    local sums, sum = process.listen("sum"), 0
    for _ = 1, 10 do sum += sums:receive() end
    process.send(parent, "sum", sum)
end

return { main = main }
