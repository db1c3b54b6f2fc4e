local function main()
    print(process.id())
end

return { main = main }
