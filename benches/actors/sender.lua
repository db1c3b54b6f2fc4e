local function main(receiver, count)
    process.listen("go"):receive()
    for number = 1, count do process.send(receiver, "msg", number) end
end

return { main = main }
