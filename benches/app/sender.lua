local function main(to, count)
    for i = 1, count do
        process.send(to, "number", i)
    end
end

return { main = main }
