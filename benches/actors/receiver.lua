local function main(parent, count)
    local messages = process.listen("msg")
    for _ = 1, count do messages:receive() end
    process.send(parent, "done")
end

return { main = main }
