local function main(parent, next)
    next = next or process.listen("next"):receive()
    local hops = process.listen("hop")
    while true do
        local left = hops:receive()
        if left == 0 then
            process.send(parent, "done")
        else
            process.send(next, "hop", left - 1)
        end
    end
end

return { main = main }
